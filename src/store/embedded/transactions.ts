import type { DatabaseSync } from 'node:sqlite';
import { asUnavailable, isStoreFault } from './fault.ts';

/** How the ports reach the file: whole decisions, applied or not. */
export interface Transactions {
  /** Runs `work` on what is committed. @throws UnavailableError */
  read<Answer>(work: () => Answer): Promise<Answer>;
  /**
   * Runs `work`, which reads and writes and does not wait, under the write lock; answers once it is on the disk.
   * When `work` throws, its own writes are undone. @throws UnavailableError
   */
  write<Answer>(work: () => Answer): Promise<Answer>;
  /** Resolves when every write that was asked for is settled. */
  settled(): Promise<void>;
}

interface Call {
  /** Runs the work; answers how to settle the promise once everything is committed. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Calls that arrive in one turn of the event loop share one transaction, and so one flush of the disk; each is a savepoint
 * within it. None is answered before the commit, so sharing is not seen from outside.
 * @param beforeCommit housekeeping that rides along in each transaction
 */
export function createTransactions(connection: DatabaseSync, beforeCommit: () => void): Transactions {
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const mark = connection.prepare('SAVEPOINT call');
  const release = connection.prepare('RELEASE call');
  const undo = connection.prepare('ROLLBACK TO call');
  let waiting: Call[] = [];
  let turn = Promise.resolve();

  function commitWaiting(): void {
    const calls = waiting;
    waiting = [];
    let answers: (() => void)[];
    try {
      abandon();
      begin.run();
      answers = calls.map(({ run }) => run());
      beforeCommit();
      commit.run();
    } catch (error) {
      const fault = asUnavailable(error);
      for (const { fail } of calls) fail(fault);
      return;
    } finally {
      abandon();
    }
    for (const answer of answers) answer();
  }

  /** Leaves a transaction that failed; SQLite may have left it by itself. A rollback that fails is tried again next time. */
  function abandon(): void {
    try {
      if (connection.isOpen && connection.isTransaction) connection.exec('ROLLBACK');
    } catch {}
  }

  function runIsolated<Answer>(work: () => Answer, resolve: (answer: Answer) => void, fail: Call['fail']): () => void {
    mark.run();
    try {
      const answer = work();
      release.run();
      return () => resolve(answer);
    } catch (error) {
      if (isStoreFault(error)) throw error;
      undo.run();
      release.run();
      return () => fail(error);
    }
  }

  return {
    async read(work) {
      try {
        return work();
      } catch (error) {
        throw asUnavailable(error);
      }
    },

    write<Answer>(work: () => Answer): Promise<Answer> {
      return new Promise((resolve, reject) => {
        waiting.push({ run: () => runIsolated(work, resolve, reject), fail: reject });
        if (waiting.length > 1) return;
        turn = new Promise((done) => {
          setImmediate(() => {
            commitWaiting();
            done();
          });
        });
      });
    },

    settled: () => turn,
  };
}
