/**
 * Lets callers who ask for the same thing at the same time share one reading, without giving anybody an answer that is
 * older than the question: who comes while a reading is under way shares the next one. A reading begins when the present
 * job is done, so that all who ask in one turn share it.
 */
export function createSharedReads<T>(): (key: string, read: () => Promise<T>) => Promise<T> {
  const latest = new Map<string, { readonly answer: Promise<T>; hasBegun: boolean }>();

  return function share(key, read) {
    const known = latest.get(key);
    if (known !== undefined && !known.hasBegun) return known.answer;
    const entry = { answer: begin(), hasBegun: false };
    latest.set(key, entry);
    const forget = () => {
      if (latest.get(key) === entry) latest.delete(key);
    };
    entry.answer.then(forget, forget);
    return entry.answer;

    async function begin(): Promise<T> {
      // What failed for those who asked earlier is theirs.
      await known?.answer.catch(() => {});
      entry.hasBegun = true;
      return read();
    }
  };
}
