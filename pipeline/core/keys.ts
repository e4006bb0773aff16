// Where every object lives. Keys are a function of the input, so writing one twice is harmless.

const execution = (executionId: string) => `executions/${executionId}`;

export const keys = {
  upload: (uploadId: string) => `uploads/${uploadId}`,
  /** A copy of a picture that came from elsewhere, so that every step sees the same bytes. */
  picture: (executionId: string) => `${execution(executionId)}/picture`,
  /** How the picture was cut: whoever reads its pyramid needs it. */
  plan: (executionId: string) => `${execution(executionId)}/plan.json`,
  pyramid: (executionId: string) => `${execution(executionId)}/pyramid.szi`,
  /** The whole picture, small: for summaries, overlays and reports. */
  overview: (executionId: string) => `${execution(executionId)}/overview.jpg`,
  overlay: (executionId: string) => `${execution(executionId)}/overlay.jpg`,
  findings: (executionId: string) => `${execution(executionId)}/findings.json`,
  progress: (executionId: string) => `${execution(executionId)}/progress.json`,
  /** Detections of one tile that are too many for a checkpoint. */
  tileDetections: (executionId: string, tile: string) => `${execution(executionId)}/detections/${tile}.json`,
};
