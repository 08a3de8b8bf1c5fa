// For `node --import`: the entry points of package.json are the sources, so that what imports the package runs unbuilt.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const TOP = new URL('../../', import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', TOP), 'utf8'));

registerHooks({
  resolve(specifier, context, next) {
    const target =
      specifier === name || specifier.startsWith(`${name}/`) ? exports[`.${specifier.slice(name.length)}`] : undefined;
    if (target === undefined) return next(specifier, context);
    const source = target.default.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts');
    return { url: new URL(source, TOP).href, shortCircuit: true };
  },
});
