// Fails early, in plain words, where Node is too old for the rest. It must itself run on old versions of Node.
var required = [24, 7];
var found = process.versions.node.split('.').map(Number);

if (found[0] < required[0] || (found[0] === required[0] && found[1] < required[1])) {
  process.stderr.write(
    'guardmint needs Node ' +
      required.join('.') +
      ' or later; this is ' +
      process.versions.node +
      '.\n' +
      'Install a newer Node, or let the development dependency bring one: run "npm ci" with install scripts allowed and\n' +
      'start through npm ("npm start", "npm test", "npm run ..."), which puts node_modules/.bin/node first.\n',
  );
  process.exit(1);
}
