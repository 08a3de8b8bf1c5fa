import type { EpochSeconds, Seconds } from '../oauth/index.ts';
import type { Audit } from '../platform/index.ts';
import { WARNINGS } from './audit-log.ts';

/** Numbers about the process for Prometheus. Labels have few values each: never an id, an address or a client. */
export interface Metrics {
  /** Counts every event by its name, and refusals by their reason. */
  readonly audit: Audit;
  /** One request that was answered. */
  countRequest(request: { method: string; route: string; status: number; seconds: Seconds }): void;
  /** One call of the store. */
  countStoreCall(call: { operation: string; seconds: Seconds; failed: boolean }): void;
  /** What is looked at with each reading. */
  observe(sources: MetricSources): void;
  /** The text exposition format, and its content type. What cannot be looked at is left out. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Where the numbers come from that are not counted but looked at. */
export interface MetricSources {
  keys(): readonly {
    readonly family: string;
    readonly state: string;
    activateAt: EpochSeconds;
    retireAt: EpochSeconds;
  }[];
  /** How many entries the denylist has. */
  denied(): Promise<number>;
  /** How many validators read the stream of revocations from this process. */
  readers(): number;
  now(): EpochSeconds;
}

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const STORE_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1];

/** Metrics of their own: any number of servers may run in one process. docs/metrics.md lists them. */
export async function createMetrics(): Promise<Metrics> {
  // Loaded here: the command line shares this room, and has nothing to count.
  const { Counter, collectDefaultMetrics, Gauge, Histogram, prometheusContentType, Registry } = await import(
    '@prometheus-io/client'
  );
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'guardmint_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const requestDuration = new Histogram({
    name: 'guardmint_http_request_duration_seconds',
    help: 'Time until a request was answered; of a stream, until it began.',
    labelNames: ['route'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const events = new Counter({
    name: 'guardmint_audit_events_total',
    help: 'Audit events, by name.',
    labelNames: ['event'],
    registers,
  });
  const refusals = new Counter({
    name: 'guardmint_refusals_total',
    help: 'Requests refused, by reason (docs/errors.md).',
    labelNames: ['reason'],
    registers,
  });
  const storeDuration = new Histogram({
    name: 'guardmint_store_duration_seconds',
    help: 'Time the store took to answer, by operation.',
    labelNames: ['operation'],
    buckets: STORE_BUCKETS,
    registers,
  });
  const storeFailures = new Counter({
    name: 'guardmint_store_failures_total',
    help: 'Calls the store did not answer, by operation.',
    labelNames: ['operation'],
    registers,
  });
  const denied = new Gauge({ name: 'guardmint_denylist_entries', help: 'Live entries of the denylist.', registers });
  const readers = new Gauge({
    name: 'guardmint_revocation_readers',
    help: 'Validators that read the stream of revocations from this process.',
    registers,
  });
  const keys = new Gauge({
    name: 'guardmint_keys',
    help: 'Keys, by family and state.',
    labelNames: ['family', 'state'],
    registers,
  });
  const keyAge = new Gauge({
    name: 'guardmint_active_key_age_seconds',
    help: 'How long the key in force has been so.',
    labelNames: ['family'],
    registers,
  });
  const keyRest = new Gauge({
    name: 'guardmint_active_key_rest_seconds',
    help: 'How long the key in force remains so; negative when its successor is overdue.',
    labelNames: ['family'],
    registers,
  });
  // A series that is not there at zero hides its first event from every rate.
  for (const event of WARNINGS) events.inc({ event }, 0);
  let sources: MetricSources | undefined;
  let hasProcessMetrics = false;

  async function look({ keys: list, denied: countDenied, readers: countReaders, now }: MetricSources): Promise<void> {
    readers.set(countReaders());
    for (const gauge of [keys, keyAge, keyRest]) gauge.reset();
    for (const { family, state, activateAt, retireAt } of list()) {
      keys.inc({ family, state });
      if (state !== 'active') continue;
      keyAge.set({ family }, now() - activateAt);
      keyRest.set({ family }, retireAt - now());
    }
    try {
      denied.set(await countDenied());
    } catch {
      // An old number would look like a current one.
      denied.remove();
    }
  }

  return {
    audit({ event, reason }) {
      events.inc({ event });
      if (event === 'request.refused' && typeof reason === 'string') refusals.inc({ reason });
    },

    countRequest({ method, route, status, seconds }) {
      requests.inc({ method, route, status: String(status) });
      requestDuration.observe({ route }, seconds);
    },

    countStoreCall({ operation, seconds, failed }) {
      storeDuration.observe({ operation }, seconds);
      if (failed) storeFailures.inc({ operation });
    },

    observe(wanted) {
      sources = wanted;
    },

    async render() {
      // Only for a process that is read: they keep observers of the garbage collector and the event loop.
      if (!hasProcessMetrics) collectDefaultMetrics({ register: registry });
      hasProcessMetrics = true;
      if (sources !== undefined) await look(sources);
      return { text: await registry.metrics(), contentType: prometheusContentType };
    },
  };
}
