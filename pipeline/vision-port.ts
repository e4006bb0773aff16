// The interface to models that analyze images. Adapters implement it.
import type { Action, Look, Reply, ToolName } from './contract/questions/search-turn.ts';
import type { Ask, Box, Detection, Finding, ModelId, TileTotals, Usage } from './contract/schemas.ts';
import type { Coordinates, Edges } from './providers/coordinates.ts';

/** JPEG bytes as stored, with their size in pixels. */
export interface Jpeg {
  bytes: Uint8Array;
  width: number;
  height: number;
}

/** A line of text that was read before, in pixels of the image with which it comes. */
export interface ReadLine {
  box: Box;
  text: string;
  score: number;
}

export interface TileJpeg extends Jpeg {
  /** What the model has read at a higher resolution. It may report these lines where it finds them, without another reading. */
  readLines?: readonly ReadLine[];
}

export interface DetectionAnswer {
  /** Boxes in pixels of the tile. */
  detections: Detection[];
  usage: Usage;
  /** How many boxes reached out of the tile and were clipped to it. */
  clipped: number;
  /** How many entries of the answer had no label or no box. Missing where a model cannot write such an answer. */
  unreadable?: number;
  /** How the model understood the request, if that is not obvious. A sentence that all tiles share is reported once. */
  notes: string[];
  /** Which version of a registered detector detected. Missing for other models. */
  version?: string;
}

/** A refusal is a result. Only a missing verdict is an exception. */
export type ModerationAnswer = ({ allowed: true } | { allowed: false; category: string; score: number }) & {
  usage: Usage;
  /** How the model had to be asked. Missing in results of earlier versions. */
  notes?: string[];
};

/** Is the object there, and is it what the finding claims? `boxInCrop` is in pixels of the crop. */
export interface VerificationQuestion {
  ask: Ask;
  finding: Pick<Finding, 'label' | 'description' | 'score' | 'severity' | 'text'>;
  boxInCrop: Box;
}

/** `corrected` describes the object that is there instead, with its box in pixels of the crop. */
export type CropVerdict =
  | { verdict: 'confirmed' | 'rejected' }
  | { verdict: 'corrected'; instead: Pick<Finding, 'label' | 'description' | 'severity' | 'text'>; boxInCrop: Box };
export type VerificationAnswer = CropVerdict & {
  usage: Usage;
  /** How the model had to be asked. */
  notes?: string[];
};

/** Claims of detection models about one place on which they differ. */
export interface JudgeQuestion {
  ask: Ask;
  /** How many models detected there. */
  models: number;
  claims: readonly JudgedClaim[];
}

export interface JudgedClaim {
  finding: Pick<Finding, 'label' | 'description' | 'score' | 'severity' | 'text'>;
  /** In pixels of the crop. */
  boxInCrop: Box;
  /** How many of the models reported it. */
  reportedBy: number;
}

/** One verdict a claim, in their order. `null` if the judge left a claim out. */
export interface JudgeAnswer {
  verdicts: (CropVerdict | null)[];
  usage: Usage;
  /** How the judge had to be asked. */
  notes?: string[];
}

export interface SummaryMaterial {
  ask: Ask;
  image: { width: number; height: number };
  findings: readonly Finding[];
  tiles: TileTotals;
  /** The whole image, scaled down. Only models that use it fetch it. */
  overview(): Promise<Jpeg>;
}

/** A question about an image, and the search for its answer so far. Boxes are in pixels of the full image. */
export interface SearchMaterial {
  question: string;
  image: { width: number; height: number };
  overview: Jpeg;
  turns: readonly SearchedTurn[];
  /** What the model may do next. */
  tools: readonly ToolName[];
  looksLeft: number;
  /** Regions that the model ranked and has not seen. */
  waiting: number;
}

export interface SearchedTurn {
  action: Action;
  reply: Reply | null;
  /** `jpeg` is `null` once the image is no longer shown. */
  look: (Pick<Look, 'number' | 'box' | 'width' | 'height' | 'seen' | 'seen_total'> & { jpeg: Jpeg | null }) | null;
  /** What a person answered. */
  person: string | null;
}

export interface ActionAnswer {
  /** Boxes in pixels of the full image. */
  action: Action;
  usage: Usage;
  /** How the model had to be asked. */
  notes: string[];
}

/** A box in the numbers in which a model reported it. */
export interface MarkSeen {
  label: string;
  text: string | null;
  edges: Edges;
}

/** A detector that a user registered, as its sidecar describes it. */
export interface RegisteredDetector {
  /** By class number; `null` for a class that is left out. `null` as a whole if it detects what words name. */
  labels: readonly (string | null)[] | null;
  /** In pixels. */
  input: { width: number; height: number };
  /** Changes with the model file and with its sidecar. */
  version: string;
  /** The scripts that a text model reads. Missing for a detector of things. */
  scripts?: readonly string[];
}

export interface Detectors {
  /** Throws a UserError if no detector of this name is registered, or if its sidecar is wrong. */
  find(model: ModelId): Promise<RegisteredDetector>;
}

export type MayContinue = (usage: Usage) => boolean;

/**
 * Models that analyze images. Throws a UserError for a failure that every tile would share (an unknown model, no access), a
 * TransientError for a temporary one, and an AnswerError for an answer that cannot be used.
 */
export interface Vision {
  moderate(model: ModelId, image: Jpeg): Promise<ModerationAnswer>;
  /** `mayContinue`: whether a further call about the tile may follow those that cost `usage`. By default, it may. */
  detect(model: ModelId, tile: TileJpeg, ask: Ask, mayContinue?: MayContinue): Promise<DetectionAnswer>;
  /** What a language model reports, in the numbers that it is asked for: for calibration. Missing where boxes have one convention. */
  locate?(
    model: ModelId,
    image: Jpeg,
    question: { coordinates: Coordinates; lookFor: string },
  ): Promise<{ marks: MarkSeen[]; usage: Usage }>;
  verify(model: ModelId, crop: Jpeg, question: VerificationQuestion): Promise<VerificationAnswer>;
  /** Decides between the claims of several models. Missing where a model can detect only. */
  judge?(model: ModelId, crop: Jpeg, question: JudgeQuestion): Promise<JudgeAnswer>;
  /** What the model does next to answer a question. Missing where a model can detect only. */
  nextAction?(model: ModelId, material: SearchMaterial): Promise<ActionAnswer>;
  /** The summary may cite finding ids. Its readers check that they exist. */
  summarize(model: ModelId, material: SummaryMaterial): Promise<{ summary: string; usage: Usage; notes?: string[] }>;
}
