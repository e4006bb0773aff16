// How long a service asks to wait before the next call, by the headers of its answer: RFC 9110, 10.2.3. Pure.

/** In seconds; 0 if the answer does not state it. A date counts from the date of the answer, so that no clock has to agree. */
export function retryAfterS(headers: unknown): number {
  if (!(headers instanceof Headers)) return 0;
  const value = headers.get('retry-after')?.trim();
  if (value === undefined) return 0;
  if (/^\d{1,6}(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value));
  const seconds = Math.ceil((Date.parse(value) - Date.parse(String(headers.get('date')))) / 1_000);
  return Number.isNaN(seconds) ? 0 : Math.max(seconds, 0);
}
