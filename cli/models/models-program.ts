// Declares the commands below `tilesight models`, and loads the file of the one that runs.
import { type Command, Option } from 'commander';
import { LAYOUTS } from '../../pipeline/vision/detectors/layouts.ts';

export function declareModels(models: Command): void {
  models
    .command('add')
    .description(
      'Recognizes an ONNX detector or text model, runs it once in a process of its own, and registers it as onnx:NAME.',
    )
    .argument('[file]', 'an ONNX file of a detector; docs/detectors.md lists the families')
    .requiredOption('--name <name>', 'lower-case letters, digits, dots, hyphens and underscores, for example gauges')
    .addOption(
      new Option('--kind <kind>', 'detector, or ocr for a PP-OCR model that reads text: docs/detectors.md shows how')
        .choices(['detector', 'ocr'])
        .default('detector'),
    )
    .option('--det <file>', 'with --kind ocr: the ONNX file that finds lines of text')
    .option('--rec <file>', 'with --kind ocr: the ONNX file that reads a line')
    .option('--dict <file>', 'with --kind ocr: the characters that it reads, one a line')
    .option('--labels <file>', 'the labels: one a line, JSON, or a config.json of Hugging Face (default: what the file states)')
    .addOption(new Option('--layout <layout>', 'the layout, if the file leaves it open').choices(Object.keys(LAYOUTS)))
    .option('--try <image>', 'an image to run it on; what it detects is printed (default: a drawn one)')
    .option('--out <file>', 'with --try: a JPEG of the image with the detections drawn in')
    .option('--replace', 'replace the detector of this name')
    .addHelpText('after', '\nExample:\n  npx tilesight models add best.onnx --name gauges --try photo.jpg --out gauges.jpg')
    .addHelpText('after', '\nExit codes: 0 registered, 1 failed and nothing registered, 130 interrupted.')
    .action(async (file, { kind, ...options }) => {
      if (kind === 'ocr') return await (await import('./add-text-command.ts')).addTextCommand(file, options);
      return await (await import('./add-command.ts')).addCommand(file, options);
    });
  models
    .command('list')
    .description('Lists the registered detectors.')
    .addHelpText('after', '\nExample:\n  npx tilesight models list')
    .action(async () => (await import('./models-folder.ts')).listCommand());
  models
    .command('labels')
    .description('Lists the labels that detection models know, for --label and --look-for.')
    .argument('[model]', 'onnx:nanodet, or a registered one (default: those in DETECTION_MODELS)')
    .addHelpText('after', '\nExample:\n  npx tilesight models labels onnx:gauges')
    .action(async (model) => (await import('./labels-command.ts')).labelsCommand(model));
  models
    .command('remove')
    .description('Removes a registered detector from this machine.')
    .argument('<name>', 'gauges, or onnx:gauges')
    .addHelpText('after', '\nExample:\n  npx tilesight models remove gauges')
    .action(async (name) => (await import('./models-folder.ts')).removeCommand(name));
}
