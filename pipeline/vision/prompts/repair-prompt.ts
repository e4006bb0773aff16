// What a language model is told when its answer did not fit the form. `complaint` is ours, never the model's words.
export function repairPrompt(complaint: string): string {
  return `This answer cannot be used. ${complaint}\nFill in the form again, completely, by the same rules.`;
}
