/** What a web manifest names: icons of the program and of its shortcuts, and screenshots. Never throws. */
import { isTable } from "../../kit/table.ts";
import { type Reference, resolve } from "./reference.ts";

const picturesMax = 500;

/** The pictures of a manifest; undefined when the text is no manifest. */
export function manifestReferences(text: string, base: string): Reference[] | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (!isTable(raw)) return undefined;
  const references: Reference[] = [];
  const add = (list: unknown, how: string) => {
    if (!Array.isArray(list)) return;
    for (const entry of list.slice(0, picturesMax) as unknown[]) {
      if (!isTable(entry) || typeof entry["src"] !== "string") continue;
      const url = resolve(entry["src"], base);
      if (url !== undefined) references.push({ url, kind: "icon", how });
    }
  };
  add(raw["icons"], "manifest icon");
  add(raw["screenshots"], "manifest screenshot");
  if (Array.isArray(raw["shortcuts"])) {
    for (const shortcut of raw["shortcuts"].slice(0, picturesMax) as unknown[]) {
      if (isTable(shortcut)) add(shortcut["icons"], "manifest shortcut icon");
    }
  }
  return references;
}
