/** `/functions` and `/functions/<name>`: what can be called in a target, as Grafana's editor asks for it. */
import { Fault } from "../../kit/fault.ts";
import { describeFunction, describeFunctions } from "../../lib/graphite/function-table.ts";

/** JSON as Graphite writes it: what is infinite as 1e9999, which readers take for infinite. */
function withInfinity(value: unknown): Response {
  const mark = "\uE000infinite\uE000";
  const text = JSON.stringify(value, (_name, each: unknown) => (each === Infinity ? mark : each));
  return new Response(text.replaceAll(`"${mark}"`, "1e9999"), { headers: { "Content-Type": "application/json" } });
}

/** All functions, or those of one `group`; by their groups when `grouped` is asked for. */
export function listFunctions(parameters: URLSearchParams): Response {
  const group = parameters.get("group");
  const wanted = Object.entries(describeFunctions()).filter(([, each]) => group === null || each.group === group);
  if (!["1", "true"].includes((parameters.get("grouped") ?? "").toLowerCase())) {
    return withInfinity(Object.fromEntries(wanted));
  }
  const grouped: Record<string, Record<string, unknown>> = {};
  for (const [name, each] of wanted) (grouped[each.group] ??= {})[name] = each;
  return withInfinity(grouped);
}

/** One function. Fault `series/no-such-function`. */
export function showFunction(name: string): Response {
  const found = describeFunction(name);
  if (found !== undefined) return withInfinity(found);
  const sentence = `Cannot find function "${name.slice(0, 100)}": there is none`;
  throw new Fault("missing", "series/no-such-function", sentence);
}
