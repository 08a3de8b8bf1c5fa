import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';

/** Why there is no real browser for the tests; `undefined` when there is one. */
export const chromiumMissing = existsSync(EXECUTABLE) ? undefined : `there is no ${EXECUTABLE}`;

/**
 * A headless Chromium that asks nothing of the network by itself, and finds every `*.example.com` on this machine. `fonts` is a
 * file of fontconfig in place of the machine's.
 */
export function launchChromium({ fonts }: { fonts?: string } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP *.example.com 127.0.0.1',
    ],
    ...(fonts !== undefined && { env: { ...process.env, FONTCONFIG_FILE: fonts } }),
  });
}
