/** How an answer comes to a program without a browser: to a port of this machine, or pasted by a person. */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

/**
 * Prints the link of an authorization request, and waits for the address it leads to: at the redirect URI's port, and on
 * standard input at the same time. Anything without the request's `state` is no answer.
 * @throws Error when access is denied, or when neither way is left
 */
export async function authorizeByHand(link: string): Promise<URL> {
  const request = new URL(link).searchParams;
  const redirectUri = new URL(request.get('redirect_uri') ?? '');

  /** What the address says, or what is wrong with it. */
  function read(address: string): URL | string {
    const answer = URL.parse(address.trim(), redirectUri);
    if (answer?.searchParams.get('state') !== request.get('state')) return 'That is not the answer to this link.';
    const error = answer.searchParams.get('error');
    // Anybody can write an address: nothing of it may move the cursor.
    if (error !== null) return `The answer is no: ${error.replaceAll(/[^\x20-\x7e]/g, '?')}.`;
    return answer.searchParams.has('code') ? answer : 'There is no code in it: copy the whole address.';
  }

  console.error(`Open this link in a browser:\n\n${link}\n
A browser on this machine comes back by itself. One on another machine (you came by ssh, this is a container) cannot reach
${redirectUri.origin}: copy the address at which it ended, which holds the answer, and paste it here:`);

  const lines = createInterface({ input: process.stdin });
  const server = createServer();
  const stop = () => {
    lines.close();
    process.stdin.pause();
    server.close();
    server.closeIdleConnections();
  };
  return new Promise<URL>((resolve, fail) => {
    lines.on('line', (line) => {
      const answer = read(line);
      if (typeof answer === 'string') console.error(`${answer} Paste the address again, or open the link once more.`);
      else resolve(answer);
    });
    server.on('request', ({ url = '' }, response) => {
      const answer = url.startsWith(`${redirectUri.pathname}?`) ? read(url) : 'There is nothing here.';
      const isOurs = typeof answer !== 'string' || answer.startsWith('The answer is no');
      response.writeHead(isOurs ? 200 : 400, { 'content-type': 'text/plain', connection: 'close' });
      response.end(isOurs ? 'You can close this page and go back to the terminal.\n' : `${answer}\n`);
      if (typeof answer !== 'string') resolve(answer);
      else if (isOurs) fail(new Error(answer));
    });
    // Another program may have the port: then only the pasted address is left.
    server.on('error', () => lines.once('close', () => fail(new Error('no answer can come any more'))));
    server.listen(Number(redirectUri.port), '127.0.0.1');
  }).finally(stop);
}
