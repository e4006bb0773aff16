#!/usr/bin/env node
// The command line: declares commands and options, loads the file of the command that runs, and turns a failure into one sentence.
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Argument, Command, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { sentenceOf } from '../pipeline/contract/errors.ts';
import { bandNumbers, days, decimalNumber, fourNumbers, listOf, portNumber, wholeNumber } from './option-values.ts';
import { report } from './terminal.ts';

// Compiled code is kept for the next start of this process and of those that it starts. In a folder of the user: in the shared temporary
// folder, another user could plant code. Without a writable folder, everything is compiled at each start.
if (getCompileCacheDir() === undefined) {
  const folder = join(homedir(), '.cache', 'tilesight', 'compiled');
  enableCompileCache(folder);
  // biome-ignore lint/style/noProcessEnv: the processes that this one starts read it.
  process.env.NODE_COMPILE_CACHE = folder;
}

const { version, description } = packageJson;
/** What the options of a command name is loaded only for that command: `--version` and `--help` load nothing. */
const isNamed = (command: string) => process.argv.includes(command);
const schemas = isNamed('analyze') ? await import('../pipeline/contract/schemas.ts') : null;
const formats = isNamed('analyze') ? await import('../pipeline/imaging/formats.ts') : null;
const imageFormats = new Intl.ListFormat('en', { type: 'disjunction' }).format(Object.keys(formats?.FORMATS ?? {}));
const exporting = isNamed('export') ? await import('./export-command.ts') : null;

const program = new Command('tilesight')
  .description(description)
  .version(version)
  // The sentence of commander, and its suggestion if it has one, on one line.
  .configureOutput({
    outputError: (text) =>
      report(
        `tilesight: ${text
          .trim()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')}\n`,
      ),
  });

program
  .command('analyze')
  .description('Analyzes one image at full resolution on this machine, prints its findings and writes a report.')
  .argument('<image>', `an image file: ${imageFormats}`)
  .option('--look-for <text>', 'what to detect, in words (default: everything the models know)')
  .option('--label <label...>', 'report only these labels (default: all)')
  .option('--min-score <score>', 'report findings from this score on, 0.05 to 1 (default: 0.4)', decimalNumber)
  .addOption(
    new Option('--detail <detail>', 'how much resolution to use').choices(schemas?.Detail.options ?? []).default('standard'),
  )
  .option('--tile-size <pixels>', 'edge of a tile, 128 to 4096 (default: the edge that suits the detection model)', wholeNumber)
  .option('--overlap <pixels>', 'pixels that neighboring tiles share (default: depends on the detection model)', wholeNumber)
  .option('--grid <n>', 'tiles along the longer side, 3 to 100; instead of --tile-size', wholeNumber)
  .option('--region <left,top,width,height>', 'analyze only this part, in pixels (default: the whole image)', fourNumbers)
  .option(
    '--max-tiles <n>',
    'analyze at most this many tiles, at a coarser level if necessary (default: depends on --detail)',
    wholeNumber,
  )
  .option('--page <n>', 'page of a TIFF or frame of an animation (default: 1)', wholeNumber)
  .option('--bands <red,green,blue>', 'bands of a multispectral image, from 1 (default: as the file declares)', bandNumbers)
  .option('--verify', 'verify low-scoring and severe findings with the model in VERIFICATION_MODEL')
  .option('--fresh', 'start over, also if an interrupted or partial analysis of the same image and options was kept')
  .option('--out <dir>', 'folder for report.html, overlay.jpg and findings.json', 'tilesight-out')
  .option('--json <file>', 'also write the findings to this file; - prints them instead of the table')
  .addHelpText('after', example('npx tilesight analyze site-plan.png --look-for "fire extinguishers" --out results'))
  .addHelpText('after', modelsHelp())
  .addHelpText('after', '\nExit codes: 0 all tiles analyzed, 1 failed or blocked, 3 some tiles not analyzed, 130 interrupted.')
  .action(async (image, options) => (await import('./analyze/analyze-command.ts')).analyzeCommand(image, options));

program
  .command('evaluate')
  .description('Measures findings against annotated images, with one setting or several, in one table.')
  .argument('<images...>', 'image files, folders or patterns; matched with the truth by file name')
  .requiredOption('--truth <file>', 'a COCO JSON file with images, categories and annotations')
  .option('--models <list>', 'settings to compare, separated by commas; + joins the models of one setting', listOf)
  .option('--tile-size <list>', 'tile edges to compare, for example 416,640 (default: as for analyze)', listOf)
  .option('--overlap <list>', 'overlaps to compare (default: as for analyze)', listOf)
  .option('--detail <list>', 'details to compare (default: standard)', listOf)
  .option('--min-score <list>', 'lowest scores of a finding to compare, 0.05 to 1 (default: 0.4)', listOf)
  .option('--out <dir>', 'folder for evaluation.json, evaluation.txt and crops of the worst misses', 'tilesight-evaluation')
  .addHelpText('after', example('npx tilesight evaluate photos --truth coco.json --tile-size 416,640 --overlap 64,128'))
  .addHelpText('after', '\nEvery combination of the values is one setting and one row of the table.')
  .addHelpText('after', 'Exit codes: 0 all measured, 1 failed, 3 some images or tiles not analyzed, 130 interrupted.')
  .action(async (images, options) => (await import('./evaluate/evaluate-command.ts')).evaluateCommand(images, options));

program
  .command('serve')
  .description('Serves the MCP tools over Streamable HTTP on 127.0.0.1, and a page for people at the same address.')
  .option('--port <port>', 'port to listen on; 0 takes a free one', portNumber, 3333)
  .option('--data <dir>', 'folder for uploads, executions and results (default: TILESIGHT_HOME or ~/.tilesight)')
  .option('--allow <dir...>', 'folders with images that file:// addresses may name (default: ALLOWED_FOLDERS)')
  .addOption(
    new Option(
      '--auth <kind>',
      'who may call; with iam, requests must be signed (SigV4, service lambda) and there is no page; with token, they bring a token',
    )
      .choices(['none', 'iam', 'token'])
      .default('none'),
  )
  .option('--keys <file>', 'with --auth iam: a file of mode 600 with the access keys that may sign')
  .option('--region <region>', 'with --auth iam: region that requests are signed for (default: us-east-1)')
  .option('--token-file <file>', 'with --auth token: a file of mode 600 with the token (default: the token in TILESIGHT_TOKEN)')
  .option('--host <address>', 'with --auth iam or token: address to listen on (default: 127.0.0.1)')
  .option(
    '--url <url>',
    'with --auth iam or token: address by which callers reach the server, for example through a proxy (default: --host and --port)',
  )
  .addHelpText('after', example('npx tilesight serve --port 8080 --allow ~/scans'))
  .addHelpText('after', modelsHelp())
  .addHelpText(
    'after',
    '\nThe file for --keys:\n  {"keys":[{"access_key_id":"…","secret_access_key":"…","principal":"a name for the log"}]}',
  )
  .action(async (options) => (await import('./serve-command.ts')).serveCommand(options));

program
  .command('mcp')
  .description('Runs the whole MCP server on standard input and output, for a client that starts it; ends with the client.')
  .option('--data <dir>', 'folder for uploads, executions and results (default: TILESIGHT_HOME or ~/.tilesight)')
  .option('--allow <dir...>', 'folders with images that may be named by path (default: ALLOWED_FOLDERS)')
  .option('--no-page', 'without the page for people')
  .addHelpText('after', example('npx tilesight mcp --allow ~/scans'))
  .addHelpText('after', modelsHelp())
  .action(async (options) => (await import('./stdio/mcp-command.ts')).mcpCommand(options));

program
  .command('setup')
  .description('Adds tilesight to the configuration of a client, after it has shown the change, or removes it.')
  .addArgument(new Argument('<client>', 'the client').choices(isNamed('setup') ? await clientNames() : []))
  .option('--allow <dir...>', 'folders with images that the client may name by path')
  .option('--data <dir>', 'folder for uploads, executions and results (default: TILESIGHT_HOME or ~/.tilesight)')
  .option('--remove', 'remove tilesight; a file that only setup changed gets the bytes of before')
  .option('--yes', 'write without a question')
  .addHelpText('after', example('npx tilesight setup claude --allow ~/scans'))
  .action(async (client, options) => (await import('./setup/setup-command.ts')).setupCommand(client, options));

program
  .command('export')
  .description('Converts the findings of an earlier analysis to the format of another program.')
  .argument('<execution>', 'an execution_id that analyze_image returned')
  .addOption(
    new Option('--format <format>', 'format to write; see below').choices(exporting?.EXPORT_FORMATS ?? []).makeOptionMandatory(),
  )
  .option('--out <path>', 'file to write, or a new folder for a format of several files; - prints a file', '-')
  .option('--data <dir>', 'data folder of tilesight serve (default: TILESIGHT_HOME or ~/.tilesight)')
  .option(
    '--image-url <url>',
    `with --format ${exporting?.formatsThatNameTheImage.join(' or ')}: where the other program finds the image (default: the analyzed address)`,
  )
  .addHelpText('after', example('npx tilesight export site-plan-3f2a9c1d0b4e5f67 --format coco --out coco.json'))
  .addHelpText('after', `\n${exporting?.formatsHelp()}\n\nFindings that verification rejected are left out.`)
  .addHelpText(
    'after',
    '\nThe labeling interface for Label Studio, whose labels come with the task:\n  <View><Image name="image" value="$image"/>' +
      '<RectangleLabels name="label" toName="image" value="$labels"/></View>',
  )
  .action(async (execution, options) => await exporting?.exportCommand(execution, options));

program
  .command('delete')
  .description('Deletes an analysis with everything stored for it, or all analyses older than a given age.')
  .argument('[execution]', 'an execution_id that analyze_image returned')
  .option(
    '--older-than <days>',
    'delete every analysis that ended (with --url: started) longer ago than this, for example 30d',
    days,
  )
  .option('--data <dir>', 'data folder of a server that is not running (default: TILESIGHT_HOME or ~/.tilesight)')
  .option(
    '--url <url>',
    'delete on a running server, for example http://127.0.0.1:3333/mcp; with --older-than, from its list of executions',
  )
  .addHelpText('after', example('npx tilesight delete --older-than 30d'))
  .action(async (execution, options) => (await import('./delete-command.ts')).deleteCommand(execution, options));

program
  .command('calibrate')
  .description('Measures in which numbers a language model reports boxes, and keeps the result for later runs.')
  .argument('<model>', 'for example openai:qwen3-vl:8b or bedrock:us.amazon.nova-lite-v1:0')
  .option('--data <dir>', 'data folder of tilesight serve (default: TILESIGHT_HOME or ~/.tilesight)')
  .option('--charts <dir>', 'only write the two charts to this folder, and ask nothing')
  .addHelpText('after', example('npx tilesight calibrate openai:qwen3-vl:8b'))
  .addHelpText('after', '\nAsks for 48 marks in each of two drawn charts: 2 calls, or up to 24 until a convention fits.')
  .addHelpText('after', 'Exit codes: 0 fit for boxes and kept, 3 not fit, 1 failed.')
  .action(async (model, options) => (await import('./calibrate-command.ts')).calibrateCommand(model, options));

const models = program
  .command('models')
  .description('Adds ONNX detectors of your own to this machine, lists and removes them.')
  .addHelpText('after', example('npx tilesight models add best.onnx --name gauges --try photo.jpg'));
if (isNamed('models')) (await import('./models/models-program.ts')).declareModels(models);

program
  .command('connect')
  .description('Runs a stdio MCP server that signs every message and forwards it to a server behind an IAM Function URL.')
  .argument('<url>', 'for example https://ID.lambda-url.us-east-1.on.aws/mcp')
  .option(
    '--region <region>',
    'region to sign for (default: the region in the URL; without one, a local server gets no signature)',
  )
  .addHelpText('after', example('npx tilesight connect https://ID.lambda-url.us-east-1.on.aws/mcp'))
  .addHelpText('after', '\nCredentials come from the environment, a profile or a role, as for any AWS tool.')
  .action(async (url, options) => (await import('./connect-command.ts')).connectCommand(url, options));

try {
  if (process.argv.length <= 2) (await import('./setup/welcome.ts')).welcome(description);
  else await program.parseAsync();
} catch (error) {
  const { withPackageAdvice } = await import('../pipeline/contract/native-packages.ts');
  const sentence = sentenceOf(withPackageAdvice(error));
  report(`tilesight: ${sentence ?? 'Internal error. Its cause follows.'}\n`);
  if (!sentence) report(`${inspect(error)}\n`);
  process.exitCode = 1;
}

function example(line: string): string {
  return `\nExample:\n  ${line}`;
}

async function clientNames(): Promise<string[]> {
  return (await import('./setup/clients.ts')).CLIENT_NAMES;
}

function modelsHelp(): string {
  return '\nDETECTION_MODELS and the other variables of docs/configuration.md choose the models.';
}
