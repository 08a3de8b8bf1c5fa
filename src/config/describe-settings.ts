import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../oauth/index.ts';
import { CONFIG_VARIABLE, ENVIRONMENT } from './environment.ts';
import { SETTINGS } from './settings.ts';

/** One setting, for people. */
export interface SettingDescription {
  /** Its path in the JSON file; `[]` stands for any entry of a list. */
  readonly path: string;
  /** Its environment variable. */
  readonly variable?: string;
  /** What it may be. */
  readonly values: string;
  readonly defaultValue?: string;
  readonly meaning: string;
}

/** Every setting in the order of the schema, groups and list entries before their members. */
export function describeSettings(): readonly SettingDescription[] {
  const variables = new Map(Object.entries(ENVIRONMENT).map(([name, { path }]) => [path.join('.'), name]));
  const rows: SettingDescription[] = [];

  function describe(path: string, schema: JsonObject): void {
    const variants = variantsOf(schema);
    if (variants.length > 0) {
      describeVariants(path, schema, variants);
      return;
    }
    const members = isJsonObject(schema['properties']) ? Object.entries(schema['properties']) : [];
    const items = schema['items'];
    const variable = variables.get(path);
    if (members.length === 0) {
      rows.push({
        path,
        ...(variable !== undefined && { variable }),
        values: describeValues(schema),
        ...(schema['default'] !== undefined && { defaultValue: JSON.stringify(schema['default']) }),
        meaning: typeof schema['description'] === 'string' ? schema['description'] : '',
      });
    }
    for (const [name, member] of members) {
      if (isJsonObject(member)) describe(path === '' ? name : `${path}.${name}`, member);
    }
    if (isJsonObject(items) && isJsonObject(items['properties'])) describe(`${path}[]`, items);
  }

  /** One of several kinds of object: which one, and then the members of each. */
  function describeVariants(path: string, schema: JsonObject, variants: readonly Variant[]): void {
    const chosen = isJsonObject(schema['default']) ? schema['default']['kind'] : undefined;
    rows.push({
      path: `${path}.kind`,
      values: variants.map(({ kind }) => `\`${kind}\``).join(', '),
      ...(chosen !== undefined && { defaultValue: JSON.stringify(chosen) }),
      meaning: typeof schema['description'] === 'string' ? schema['description'] : '',
    });
    for (const { kind, members } of variants) {
      for (const [name, member] of members) {
        const before = rows.length;
        describe(`${path}.${name}`, member);
        for (const row of rows.splice(before)) rows.push({ ...row, meaning: `\`${kind}\`: ${row.meaning}` });
      }
    }
  }

  describe('', jsonSchema());
  return [
    {
      path: '',
      variable: CONFIG_VARIABLE,
      values: 'text',
      defaultValue: '"guardmint.json"',
      meaning: 'The JSON file. The default one may be absent.',
    },
    ...rows,
  ];
}

/** The names an object of the settings may have at `path`. */
export function settingNamesAt(path: readonly PropertyKey[]): readonly string[] {
  const found = path.reduce<unknown>((schema, key) => {
    if (!isJsonObject(schema)) return undefined;
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    return typeof key === 'number' ? schema['items'] : properties[String(key)];
  }, jsonSchema());
  if (!isJsonObject(found)) return [];
  const variants = variantsOf(found).flatMap(({ members }) => members.map(([name]) => name));
  return isJsonObject(found['properties']) ? Object.keys(found['properties']) : [...new Set(variants)];
}

interface Variant {
  readonly kind: string;
  readonly members: readonly (readonly [string, JsonObject])[];
}

/** The kinds of object a setting may be, when it is one that says its `kind`. */
function variantsOf({ oneOf }: JsonObject): readonly Variant[] {
  if (!Array.isArray(oneOf)) return [];
  return oneOf.flatMap((variant) => {
    const properties = isJsonObject(variant) && isJsonObject(variant['properties']) ? variant['properties'] : {};
    const { kind, ...others } = properties;
    if (!isJsonObject(kind) || typeof kind['const'] !== 'string') return [];
    const members = Object.entries(others).flatMap(([name, member]) =>
      isJsonObject(member) ? [[name, member] as const] : [],
    );
    return [{ kind: kind['const'], members }];
  });
}

function jsonSchema(): JsonObject {
  return { ...z.toJSONSchema(SETTINGS, { io: 'input', unrepresentable: 'any' }) };
}

function describeValues(schema: JsonObject): string {
  const { type, minimum, maximum, items, additionalProperties, anyOf } = schema;
  if (Array.isArray(anyOf)) return anyOf.filter(isJsonObject).map(describeValues).join(', ');
  if (typeof schema['const'] === 'number') return String(schema['const']);
  if (typeof schema['const'] === 'string') return `\`${schema['const']}\``;
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => `\`${String(value)}\``).join(', ');
  if (type === 'integer') return `${String(minimum)} to ${String(maximum)}`;
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'array') {
    const isOfObjects = isJsonObject(items) && (items['type'] === 'object' || variantsOf(items).length > 0);
    return isOfObjects ? 'list' : 'list of texts';
  }
  if (type === 'object') {
    const isOfLists = isJsonObject(additionalProperties) && additionalProperties['type'] === 'array';
    return isOfLists ? 'name → list of names' : 'name → text';
  }
  return 'text';
}
