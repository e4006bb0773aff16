// Leaves out the settings that a model refuses. Learned from its first refusal, because no list of models stays true:
// newer Claude models refuse `temperature`, reasoning models of OpenAI want another name for `max_tokens`.

/**
 * Calls with the settings in `refused` left out. When the call fails because of one more, that one is added to `refused`, for all
 * later calls too, and the call is made again. `refusedBy` names the setting that an error is about.
 */
export async function withoutRefused<Setting, Answer>(
  refused: Set<Setting>,
  refusedBy: (error: unknown) => Setting | null,
  call: (without: ReadonlySet<Setting>) => Promise<Answer>,
): Promise<Answer> {
  const without = new Set(refused); // others may learn meanwhile
  for (;;) {
    try {
      return await call(without);
    } catch (error) {
      const setting = refusedBy(error);
      if (setting === null || without.has(setting)) throw error;
      without.add(setting);
      refused.add(setting);
    }
  }
}
