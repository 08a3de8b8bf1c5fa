import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import ipaddr from 'ipaddr.js';
import type { buildConnector } from 'undici';
import { GuardedFetchError } from './guarded-fetch-error.ts';

/** How far a connection has come. */
export type ConnectionStage = 'dialled' | 'connected' | 'secured';

/**
 * A connector for undici that dials only the given addresses, whatever the name resolves to by then, and compares the
 * peer with them before the first byte is sent. TLS checks the certificate against the host name.
 */
export function createPinnedConnector(deps: {
  hostname: string;
  addresses: readonly string[];
  ca?: string | undefined;
  signal: AbortSignal;
  onStage: (stage: ConnectionStage) => void;
}): buildConnector.connector {
  const { hostname, addresses, ca, signal, onStage } = deps;
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_hostname, _options, callback) => callback(null, pinned);

  return function connector({ protocol, port }, callback) {
    const isSecure = protocol === 'https:';
    const finish = once(callback);
    const stopWith = (stoppable: Socket) =>
      signal.addEventListener('abort', () => stoppable.destroy(new GuardedFetchError('timed_out')), { once: true });

    const socket = connect({
      host: hostname,
      port: port === '' ? (isSecure ? 443 : 80) : Number(port),
      lookup,
      autoSelectFamily: true,
    });
    stopWith(socket);
    onStage('dialled');
    socket.on('error', (error) => finish(connectionFault('connect_failed', error), null));
    socket.once('connect', () => {
      if (!isPinned(socket.remoteAddress, addresses)) {
        socket.destroy();
        finish(new GuardedFetchError('address_refused'), null);
        return;
      }
      onStage('connected');
      if (!isSecure) {
        finish(null, socket);
        return;
      }
      const secure = connectTls({
        socket,
        ...(isIP(hostname) === 0 ? { servername: hostname } : { host: hostname }),
        ...(ca !== undefined && { ca }),
        ALPNProtocols: ['http/1.1'],
        minVersion: 'TLSv1.2',
        // Said aloud, because the environment of the process can turn the default off.
        rejectUnauthorized: true,
      });
      stopWith(secure);
      secure.on('error', (error) => finish(connectionFault('tls_failed', error), null));
      secure.once('secureConnect', () => {
        onStage('secured');
        finish(null, secure);
      });
    });
  };
}

function connectionFault(fault: 'connect_failed' | 'tls_failed', error: Error): GuardedFetchError {
  if (error instanceof GuardedFetchError) return error;
  return new GuardedFetchError(fault, 'code' in error ? error.code : undefined);
}

function isPinned(peer: string | undefined, addresses: readonly string[]): boolean {
  if (peer === undefined || isIP(peer) === 0) return false;
  const normal = ipaddr.parse(peer).toNormalizedString();
  return addresses.some((address) => ipaddr.parse(address).toNormalizedString() === normal);
}

// A socket reports its own failure and the one of the connection below it; undici wants to hear one.
function once(callback: buildConnector.Callback): buildConnector.Callback {
  let isDone = false;
  return (...outcome) => {
    if (isDone) return;
    isDone = true;
    callback(...outcome);
  };
}
