/**
 * Where answers are meant to differ from graphite-web 1.1.8, each with the reason.
 */

/** Targets by what is different about them. */
export const differences: Readonly<Record<string, string>> = {};
