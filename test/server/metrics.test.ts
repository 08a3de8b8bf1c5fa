import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UnavailableError } from '../../src/oauth/index.ts';
import { createManagement } from '../../src/server/management.ts';
import { measureStore } from '../../src/server/measured-store.ts';
import { createMemoryStore } from '../../src/store/memory/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { startGuardmint } from '../support/guardmint.ts';
import { openEvents } from '../support/revocation-events.ts';

const sample = (page: string, series: string) => {
  const line = page.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

describe('metrics', () => {
  test('count what happened and look at what stands: requests, refusals, events, store, keys, readers, denylist', async () => {
    await using server = await startGuardmint();
    const granted = await server.grant();
    const refresh = { grant_type: 'refresh_token', client_id: granted.clientId, refresh_token: granted.refresh_token };
    await server.post('/token', refresh);
    await server.post('/token', { ...refresh, refresh_token: 'gmr_nothing' });
    await fetch(`${server.issuer}/nowhere?token=secret`);
    await using events = await openEvents(`${server.issuer}/revocations/stream`);
    await events.next();
    await server.post('/revoke', { client_id: granted.clientId, token: granted.refresh_token });

    const { text: page } = await server.guardmint.metrics.render();

    const value = (series: string) => sample(page, series);
    expect(value('guardmint_http_requests_total{method="POST",route="/token",status="200"}')).toBe(2);
    expect(value('guardmint_http_requests_total{method="POST",route="/token",status="400"}')).toBe(1);
    expect(value('guardmint_http_requests_total{method="GET",route="none",status="404"}')).toBe(1);
    expect(value('guardmint_http_request_duration_seconds_count{route="/token"}')).toBe(3);
    expect(value('guardmint_audit_events_total{event="token.issued"}')).toBe(1);
    expect(value('guardmint_audit_events_total{event="token.refreshed"}')).toBe(1);
    expect(value('guardmint_audit_events_total{event="grant.revoked"}')).toBe(1);
    expect(value('guardmint_audit_events_total{event="token.refresh_reused"}')).toBe(0);
    expect(page).toMatch(/^guardmint_refusals_total\{reason="\w+"\} 1$/m);
    expect(value('guardmint_store_duration_seconds_count{operation="rotate"}')).toBe(1);
    expect(value('guardmint_denylist_entries')).toBe(1);
    expect(value('guardmint_revocation_readers')).toBe(1);
    expect(value('guardmint_keys{family="signing",state="active"}')).toBe(1);
    expect(value('guardmint_keys{family="signing",state="next"}')).toBe(1);
    expect(value('guardmint_active_key_rest_seconds{family="signing"}')).toBeGreaterThan(29 * 86_400);
    expect(page).toMatch(/^process_resident_memory_bytes \d+/m);
    for (const secret of [granted.access_token, granted.refresh_token, granted.clientId, 'secret', 'gmr_'])
      expect(page).not.toContain(secret);
  });

  test('are those that docs/metrics.md lists', async () => {
    const listed = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8').matchAll(
      /^\| `(guardmint_\w+)`/gm,
    );
    const { text } = await (await createMetrics()).render();
    const had = text.matchAll(/^# TYPE (guardmint_\w+) /gm);

    expect(new Set([...listed].map(([, name]) => name))).toEqual(new Set([...had].map(([, name]) => name)));
  });

  test('leave out what cannot be looked at, count what the store did not answer, and go on', async () => {
    const metrics = await createMetrics();
    const broken = async () => Promise.reject(new UnavailableError('store'));
    const memory = createMemoryStore({ clock: () => 0 });
    const store = measureStore({ ...memory, ping: broken }, metrics);
    metrics.observe({ keys: () => [], denied: async () => 3, readers: () => 0, now: () => 0 });
    expect(sample((await metrics.render()).text, 'guardmint_denylist_entries')).toBe(3);

    await expect(store.ping()).rejects.toThrow(UnavailableError);
    metrics.observe({ keys: () => [], denied: broken, readers: () => 0, now: () => 0 });
    const { text } = await metrics.render();

    expect(sample(text, 'guardmint_store_failures_total{operation="ping"}')).toBe(1);
    expect(sample(text, 'guardmint_denylist_entries')).toBeUndefined();
  });

  test('are read at the management port, as Prometheus expects them', async () => {
    const management = createManagement({ checks: [], metrics: await createMetrics() });
    await new Promise<void>((resolve) => management.server.listen(0, '127.0.0.1', resolve));
    const address = management.server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/metrics`;

    const answer = await fetch(url);

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.text()).toContain('# TYPE guardmint_http_requests_total counter');
    management.server.close();
  });
});
