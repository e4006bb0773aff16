// Omits the settings that a model refuses. Learned from its first refusal, because no list of models stays true: newer Claude models
// refuse `temperature`, reasoning models of OpenAI want another name for `max_tokens`.

/**
 * Calls without the settings in `refused`. If the call fails because of another one, adds it to `refused`, for all later calls too,
 * and repeats the call. `refusedBy` returns the setting that an error is about.
 */
export async function withoutRefused<Setting, Answer>(
  refused: Set<Setting>,
  refusedBy: (error: unknown) => Setting | null,
  call: (without: ReadonlySet<Setting>) => Promise<Answer>,
): Promise<Answer> {
  const without = new Set(refused); // a copy: other calls may add to it meanwhile
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
