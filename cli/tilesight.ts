#!/usr/bin/env node
// The command line: parses arguments, calls one file for each command, and prints a failure as one sentence.
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
  .summary('analyze one image at full resolution and print the findings')
  .description(
    'Analyzes one image at full resolution on this machine, by default with local models: starts a private server, sends the image ' +
      'and prints the findings. Writes report.html (one page for people), overlay.jpg (a copy with boxes and labels) and ' +
      'findings.json to the folder given with --out.',
  )
  .argument('<image>', 'a JPEG, PNG, WebP, TIFF, GIF or AVIF file')
  .option('--look-for <text>', 'what to detect, in words; default: everything the models know')
  .option('--label <label...>', 'report only these labels, for example person, cup, text')
  .addOption(new Option('--detail <detail>', 'how much resolution to use').choices(Detail.options).default('standard'))
  .option('--tile-size <pixels>', 'edge of a tile; default: the edge that suits the detection model', wholeNumber)
  .option('--overlap <pixels>', 'pixels that neighboring tiles share', wholeNumber)
  .option('--grid <n>', 'instead of --tile-size: number of tiles along the longer side, 3 to 100', wholeNumber)
  .option('--region <left,top,width,height>', 'analyze only this region, in pixels', fourNumbers)
  .option('--max-tiles <n>', 'analyze at most n tiles, on a coarser level if necessary', wholeNumber)
  .option('--page <n>', 'page of a TIFF or frame of an animation, from 1', wholeNumber)
  .option('--verify', 'let the model in VERIFICATION_MODEL check low-scoring and severe findings')
  .option('--out <dir>', 'folder for report.html, overlay.jpg and findings.json', 'tilesight-out')
  .option('--json <file>', 'also write the findings to this file; - prints them instead of the table')
  .addHelpText('after', '\nExit codes: 0 all tiles analyzed, 1 failed or blocked, 3 some tiles failed, 130 interrupted.')
  .action(analyzeCommand);

program
  .command('serve')
  .summary('serve the MCP tools, and a page for people, on this machine')
  .description(
    'Serves the MCP tools over Streamable HTTP on 127.0.0.1, and a page for people at the same address: drop an image, watch its ' +
      'tiles, explore the findings. Images and results are stored in a folder. With --auth iam, every request must be signed as ' +
      'for a Lambda Function URL (SigV4, service lambda), --host may name another address, and there is no page.',
  )
  .option('--port <port>', 'port to listen on; 0 selects a free one', wholeNumber, 3333)
  .option('--data <dir>', 'folder for uploads, executions and results; default: TILESIGHT_HOME or ~/.tilesight')
  .option('--allow <dir...>', 'folders whose images may be named with file://; default: ALLOWED_FOLDERS')
  .addOption(new Option('--auth <kind>', 'who may call').choices(['none', 'iam']).default('none'))
  .option('--keys <file>', 'with --auth iam: the keys that may sign, in a file of mode 600')
  .option('--region <region>', 'with --auth iam: the region that requests are signed for; default: us-east-1')
  .option('--host <address>', 'with --auth iam: the address to listen on; default: 127.0.0.1')
  .addHelpText(
    'after',
    '\nFormat of the --keys file: {"keys":[{"access_key_id":"…","secret_access_key":"…","principal":"a name for the log"}]}',
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
    'Speaks MCP on standard input and output and forwards every message, signed with SigV4, to an MCP server behind an IAM ' +
      'Function URL, for clients that cannot sign. Uses the same credentials as other AWS tools: environment, profile or role.',
  )
  .argument('<url>', 'for example https://ID.lambda-url.us-east-1.on.aws/mcp')
  .option('--region <region>', 'region to sign for; default: the one in the URL; requests to this machine are not signed')
  .action(connectCommand);

try {
  await program.parseAsync();
} catch (error) {
  const sentence = sentenceOf(error);
  process.stderr.write(`tilesight: ${sentence ?? 'Internal error.'}\n`);
  if (!sentence) console.error(error);
  process.exitCode = 1;
}

function fourNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.length !== 4 || !numbers.every((number) => number >= 0)) {
    throw new InvalidArgumentError('Write four numbers separated by commas, for example 1000,500,800,600.');
  }
  return numbers;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number of at most 9 digits.');
  return Number(text);
}
