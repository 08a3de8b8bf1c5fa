declare const epochSeconds: unique symbol;

/** A moment as RFC 7519 §2 NumericDate: whole seconds since 1970-01-01T00:00:00Z. */
export type EpochSeconds = number & { readonly [epochSeconds]?: true };

/** A length of time in seconds. */
export type Seconds = number;
