import type { KeyRing } from '../keys/index.ts';
import type { DenylistStore } from '../tokens/index.ts';

/** From one look at the keys to the next, in milliseconds, while the folder still shows the denied key in force. */
const LOOK_AGAIN = 1_000;

/**
 * A signing key that was ended in an emergency is refused by validators as soon as the denylist says so, tokens and
 * revocation documents alike. Whoever signs must leave it as soon, and a folder on another machine tells nobody that it has
 * changed: so the denylist is what has the keys read again, for as long as the key in force is a denied one.
 */
export function leaveDeniedSigner(deps: {
  keys: Pick<KeyRing, 'signer' | 'reload'>;
  denylist: Pick<DenylistStore, 'match' | 'watch'>;
}): Disposable {
  const { keys, denylist } = deps;
  let isLooking = false;
  let isBehind = false;
  let timer: NodeJS.Timeout | undefined;

  async function isSignerDenied(): Promise<boolean> {
    return (await denylist.match([{ kind: 'key', id: keys.signer().kid }])).length > 0;
  }

  async function lookOnce(): Promise<void> {
    if (!(await isSignerDenied())) return;
    await keys.reload();
    if (await isSignerDenied()) timer = setTimeout(look, LOOK_AGAIN).unref();
  }

  /** A store or a key that does not answer is for others to report; the next change, or the poll of the keys, comes anyway. */
  async function lookUntilDone(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    while (isBehind) {
      isBehind = false;
      await lookOnce().catch(() => {});
    }
    isLooking = false;
  }

  function look(): void {
    clearTimeout(timer);
    isBehind = true;
    void lookUntilDone();
  }

  const watching = denylist.watch(look);
  return {
    [Symbol.dispose]() {
      watching[Symbol.dispose]();
      clearTimeout(timer);
    },
  };
}
