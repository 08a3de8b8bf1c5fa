/**
 * Lets callers who ask for the same thing at the same time share one reading, without giving anybody an answer that is
 * older than the question: who comes while a reading is under way shares the next one.
 */
export function createSharedReads<T>(): (key: string, read: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, { readonly running: Promise<T>; next?: Promise<T> }>();

  return function share(key, read): Promise<T> {
    const known = underWay.get(key);
    if (known !== undefined) {
      known.next ??= known.running.then(
        () => start(key, read),
        () => start(key, read),
      );
      return known.next;
    }
    return start(key, read);
  };

  function start(key: string, read: () => Promise<T>): Promise<T> {
    const running = read();
    const entry = { running };
    underWay.set(key, entry);
    const forget = () => {
      if (underWay.get(key) === entry) underWay.delete(key);
    };
    running.then(forget, forget);
    return running;
  }
}
