import { z } from 'zod';

/** A whole number. */
export function whole(min: number, max: number, unit = ''): z.ZodNumber {
  const error = `must be a whole number${unit} from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** A length of time in seconds. */
export const seconds = (min: number, max: number) => whole(min, max, ' of seconds');
/** A length of time in milliseconds, where seconds are too coarse. */
export const milliseconds = (min: number, max: number) => whole(min, max, ' of milliseconds');
/** A switch. */
export const flag = () => z.boolean({ error: 'must be on or off (true or false)' });
/** A text that says something. */
export const text = (max = 1024) =>
  z
    .string({ error: (issue) => (issue.input === undefined ? 'is required' : 'must be a text') })
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` });
/** One of some words. */
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });
/** A list. */
export const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'must be a list' });

/** Settings that belong together; all of them have defaults, so the group may be absent. */
export function group<T extends z.ZodRawShape>(shape: T) {
  const schema = z.strictObject(shape, { error: 'must be an object' });
  // `prefault` gives an absent group the defaults of its members.
  return schema.prefault({} as z.input<typeof schema>);
}
