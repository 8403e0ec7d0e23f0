/**
 * What a script imports: static imports of modules, and dynamic ones wherever their name is written out. Specifiers are
 * resolved with the page's import maps. Names that are made while the script runs are nobody's to know.
 */
import { init, parse } from "es-module-lexer";

import { type ImportMap, resolveSpecifier } from "./import-map.ts";
import type { Reference } from "./reference.ts";

/** What was found in a script. */
export interface ScriptReferences {
  references: Reference[];
  /** Why it cannot be read as a module, or not to its end; the imports that are not here are unknown then. */
  trouble?: string;
  /** Names that no import map knows, and that are no addresses. */
  unknown: string[];
}

const importsMax = 5000;

/** Imports of a script. A classic script has only dynamic ones, and what cannot be read in it is no trouble. */
export async function scriptReferences(
  source: string,
  from: string,
  { isModule, map }: { isModule: boolean; map: ImportMap },
): Promise<ScriptReferences> {
  await init;
  const references: Reference[] = [];
  const unknown: string[] = [];
  if (!isModule && !/\bimport\s*\(/.test(source)) return { references, unknown };
  let imports: ReturnType<typeof parse>[0];
  try {
    [imports] = parse(source);
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { references, unknown, ...(isModule ? { trouble: thrown.message.slice(0, 200) } : {}) };
  }
  for (const found of imports.slice(0, importsMax)) {
    const isStatic = found.type === "static" || found.type === "reexport-star";
    if (!isStatic && found.type !== "dynamic") continue;
    if (found.type === "dynamic" && (found.glob || found.probablyTypeOnly)) continue;
    if (!isModule && isStatic) continue;
    const { specifier } = found;
    if (specifier === undefined || specifier === "") continue;
    const url = resolveSpecifier(specifier, from, map);
    if (url === undefined) {
      if (isStatic) unknown.push(specifier);
      continue;
    }
    if (!/^https?:/.test(url)) continue;
    const importType = isStatic ? found.attributes?.find(([name]) => name === "type")?.[1] : dynamicType(source, found);
    const integrity = map.integrity.get(url);
    references.push({
      url,
      kind: "module",
      how: isStatic ? "import" : "import()",
      isByScript: true,
      ...(importType === undefined ? {} : { importType }),
      ...(integrity === undefined ? {} : { integrity }),
    });
  }
  const trouble = `it has more than ${importsMax} imports, and the others were not looked at`;
  return { references, unknown, ...(imports.length > importsMax ? { trouble } : {}) };
}

/** The type in the options of a dynamic import, where it is written out. */
function dynamicType(source: string, found: { attributesStart: number; importEnd: number }): string | undefined {
  if (found.attributesStart < 0) return undefined;
  const words = source.slice(found.attributesStart, Math.min(found.importEnd, found.attributesStart + 200));
  return /\btype["']?\s*:\s*["'](\w+)["']/.exec(words)?.[1];
}
