#!/usr/bin/env node
// The command line: reads arguments, hands on to one file a command, and turns a failure into one sentence.
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { sentenceOf } from '../pipeline/contract/errors.ts';
import { Detail } from '../pipeline/contract/schemas.ts';
import { EXPORT_FORMATS } from '../pipeline/findings/exports/index.ts';
import { analyzeCommand } from './analyze-command.ts';
import { connectCommand } from './connect-command.ts';
import { exportCommand, formatsHelp, formatsThatNameTheImage } from './export-command.ts';
import { serveCommand } from './serve-command.ts';

const { version, description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

const program = new Command('tilesight').description(description).version(version).showHelpAfterError();

program
  .command('analyze')
  .summary('look at one image in full resolution and print what is in it')
  .description(
    'Looks at one image in full resolution, on this machine, with local models: starts a server for itself, sends the image, ' +
      'and prints the findings. Writes report.html (one page to look at and hand on), overlay.jpg (boxes and labels drawn on a copy) ' +
      'and findings.json to the folder given with --out.',
  )
  .argument('<image>', 'a JPEG, PNG, WebP, TIFF, GIF or AVIF file')
  .option('--look-for <text>', 'what to look for, in words; everything the models know when left out')
  .option('--label <label...>', 'report only these labels, for example person, cup, text')
  .addOption(new Option('--detail <detail>', 'how closely to look').choices(Detail.options).default('standard'))
  .option('--tile-size <pixels>', 'edge of a tile; the detection model’s own when left out', wholeNumber)
  .option('--overlap <pixels>', 'pixels that neighbouring tiles share', wholeNumber)
  .option('--grid <n>', 'in place of --tile-size: the longer side in n tiles, 3 to 100', wholeNumber)
  .option('--region <left,top,width,height>', 'look only at this part, in pixels', fourNumbers)
  .option('--max-tiles <n>', 'look at no more tiles than this, on a coarser level if need be', wholeNumber)
  .option('--page <n>', 'which page of a TIFF or frame of an animation, from 1', wholeNumber)
  .option('--verify', 'a second look at doubtful and severe findings, by the model in VERIFICATION_MODEL')
  .option('--out <dir>', 'folder for report.html, overlay.jpg and findings.json', 'tilesight-out')
  .option('--json <file>', 'also write the findings to this file; - prints them instead of the table')
  .addHelpText(
    'after',
    '\nExit codes: 0 all tiles looked at, 1 failed or blocked, 3 some tiles could not be looked at, 130 interrupted.',
  )
  .action(analyzeCommand);

program
  .command('serve')
  .summary('serve the MCP tools, and a page for people, on this machine')
  .description(
    'Serves the MCP tools over Streamable HTTP on 127.0.0.1, with images and results kept in a folder, and at the same address a ' +
      'page for people: drop an image, watch it being looked at, and see what was found. With --auth iam, every request must be ' +
      'signed as for a Lambda Function URL (SigV4, service lambda), another address may be named, and there is no page.',
  )
  .option('--port <port>', 'port to listen on; 0 takes a free one', wholeNumber, 3333)
  .option('--data <dir>', 'folder for uploads, executions and results; ~/.tilesight or TILESIGHT_HOME when left out')
  .option('--allow <dir...>', 'folders whose images may be named with file://; ALLOWED_FOLDERS when left out')
  .addOption(new Option('--auth <kind>', 'who may call').choices(['none', 'iam']).default('none'))
  .option('--keys <file>', 'with --auth iam: the keys that may sign, in a file of mode 600')
  .option('--region <region>', 'with --auth iam: the region that requests are signed for; us-east-1 when left out')
  .option('--host <address>', 'with --auth iam: the address to listen on; 127.0.0.1 when left out')
  .addHelpText(
    'after',
    '\nThe file of --keys: {"keys":[{"access_key_id":"…","secret_access_key":"…","principal":"a name for the log"}]}',
  )
  .action(serveCommand);

program
  .command('export')
  .summary('convert the findings of an earlier analysis to the format of another program')
  .description(
    'Converts findings that `tilesight serve` keeps in its data folder. Findings that verification rejected are left out.',
  )
  .argument('<execution>', 'an execution_id as analyze_image returned it')
  .addOption(new Option('--format <format>', 'format to write; see below').choices(EXPORT_FORMATS).makeOptionMandatory())
  .option('--out <path>', 'file to write, or a new folder for a format of several files; - prints a file', '-')
  .option('--data <dir>', 'data folder of `tilesight serve`; default: TILESIGHT_HOME or ~/.tilesight')
  .option(
    '--image-url <url>',
    `with --format ${formatsThatNameTheImage.join(', ')}: where the other program finds the image; default: the address that was analyzed`,
  )
  .addHelpText('after', `\n${formatsHelp()}`)
  .addHelpText(
    'after',
    '\nThe labeling interface for Label Studio, whose labels come with the task:\n  <View><Image name="image" value="$image"/>' +
      '<RectangleLabels name="label" toName="image" value="$labels"/></View>',
  )
  .action(exportCommand);

program
  .command('connect')
  .summary('a stdio MCP server that signs and forwards to an IAM Function URL')
  .description(
    'Speaks MCP on standard input and output, and forwards every message, signed (SigV4), to an MCP server behind an IAM ' +
      'Function URL: for clients that cannot sign. Credentials come from where every AWS tool looks: environment, profile, role.',
  )
  .argument('<url>', 'for example https://ID.lambda-url.us-east-1.on.aws/mcp')
  .option('--region <region>', 'region to sign for; left out: the one in the URL, and what goes to this machine is not signed')
  .action(connectCommand);

try {
  await program.parseAsync();
} catch (error) {
  const sentence = sentenceOf(error);
  process.stderr.write(`tilesight: ${sentence ?? 'Something inside failed.'}\n`);
  if (!sentence) console.error(error);
  process.exitCode = 1;
}

function fourNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.length !== 4 || !numbers.every((number) => number >= 0)) {
    throw new InvalidArgumentError('Expected four numbers with commas between, for example 1000,500,800,600.');
  }
  return numbers;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
