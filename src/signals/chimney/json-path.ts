/**
 * Paths into a JSON answer, such as `$.checks[0].state` or `["odd name"].length`: names, positions (negative ones from
 * the end), quoted names, and `length` of a list or text at the end. No wildcards, filters or scripts: a check asks for
 * one value. Source: the plain part of RFC 9535.
 */

/** One step: a name or a position. */
type Step = string | number;

const step =
  /\.?([A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff-]*)|\[(-?\d{1,9})\]|\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\]/y;

/** Reads a path. Throws SyntaxError. */
export function parseJsonPath(text: string): Step[] {
  const steps: Step[] = [];
  step.lastIndex = /^\$(?=$|[.[])/.test(text) ? 1 : 0;
  while (step.lastIndex < text.length) {
    const at = step.lastIndex;
    const match = step.exec(text);
    if (match === null) throw new SyntaxError(`Cannot read the path "${text}": nothing known stands at position ${at}`);
    const [, name, position, double, single] = match;
    if (position !== undefined) steps.push(Number(position));
    else steps.push(name ?? (double ?? single ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  return steps;
}

/** The value at a path, or undefined where there is none. Only what the answer itself holds is found. */
export function valueAt(root: unknown, path: readonly Step[]): unknown {
  let current: unknown = root;
  for (const [index, key] of path.entries()) {
    if (typeof key === "number") {
      current = Array.isArray(current) ? (current as unknown[]).at(key) : undefined;
    } else if (typeof current === "object" && current !== null && !Array.isArray(current)) {
      current = Object.hasOwn(current, key) ? Reflect.get(current, key) : undefined;
    } else if (
      key === "length" &&
      index === path.length - 1 &&
      (Array.isArray(current) || typeof current === "string")
    ) {
      current = current.length;
    } else return undefined;
  }
  return current;
}
