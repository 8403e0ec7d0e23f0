/**
 * What a style sheet asks for: `@import`, `url()`, `image-set()` and the fonts of `@font-face`. Reads the tokens of CSS one
 * by one and builds no tree, so depth costs nothing; what is broken is read as browsers recover from it. Never throws.
 * Leaves out which rules apply to which element: all are checked.
 */
import { tokenizer, TokenType } from "@csstools/css-tokenizer";

import { type Reference, resolve } from "./reference.ts";

/** What was found, and whether there was more than is read. */
export interface StyleReferences {
  references: Reference[];
  isCut: boolean;
}

const referencesMax = 10_000;
const imageSets = new Set(["image-set", "-webkit-image-set"]);

/** References of a whole style sheet. `how` says where it stands, when it has no address of its own. */
export function styleReferences(css: string, base: string, how = ""): StyleReferences {
  return scan(css, base, how, false);
}

/** References of what stands in a `style` attribute. */
export function declarationReferences(css: string, base: string, how: string): StyleReferences {
  return scan(css, base, how, true);
}

function scan(css: string, base: string, how: string, isDeclarations: boolean): StyleReferences {
  const references: Reference[] = [];
  const said = (words: string) => (how === "" ? words : `${how} ${words}`);
  const add = (written: string, kind: Reference["kind"], words: string) => {
    const url = resolve(written, base);
    if (url !== undefined && references.length < referencesMax) references.push({ url, kind, how: said(words) });
  };
  const tokens = tokenizer({ css });
  const functions: string[] = [];
  let depth = 0;
  let fontDepth: number | undefined;
  let atRule = "";
  let mayImport = !isDeclarations;
  let isImported = false;
  for (;;) {
    const token = tokens.nextToken();
    const type = token[0];
    if (type === TokenType.EOF) break;
    if (type === TokenType.Whitespace || type === TokenType.Comment) continue;
    const inner = functions.at(-1) ?? "";
    if (depth === 0 && atRule === "" && !isDeclarations && type !== TokenType.AtKeyword && !isEdge(type)) {
      mayImport = false;
    }
    switch (type) {
      case TokenType.AtKeyword:
        atRule = token[4].value.toLowerCase();
        isImported = false;
        if (depth === 0 && !["import", "charset", "layer"].includes(atRule)) mayImport = false;
        break;
      case TokenType.Function:
        functions.push(token[4].value.toLowerCase());
        break;
      case TokenType.OpenParen:
        functions.push("(");
        break;
      case TokenType.CloseParen:
        functions.pop();
        break;
      case TokenType.OpenCurly:
        depth++;
        if (atRule === "font-face" && fontDepth === undefined) fontDepth = depth;
        if (atRule !== "import") mayImport = false;
        atRule = "";
        break;
      case TokenType.CloseCurly:
        if (fontDepth === depth) fontDepth = undefined;
        depth = Math.max(0, depth - 1);
        functions.length = 0;
        atRule = "";
        break;
      case TokenType.Semicolon:
        if (functions.length === 0) atRule = "";
        break;
      case TokenType.URL:
      case TokenType.String: {
        const isUrl = type === TokenType.URL || inner === "url" || inner === "src";
        if (atRule === "import" && depth === 0) {
          if (mayImport && !isImported && (isUrl || functions.length === 0)) {
            add(token[4].value, "style", "@import");
            isImported = true;
          }
        } else if (atRule === "namespace" || atRule === "document" || atRule === "-moz-document") break;
        else if (isUrl || imageSets.has(inner)) {
          add(
            token[4].value,
            fontDepth === undefined ? "image" : "font",
            fontDepth === undefined ? "url()" : "@font-face",
          );
        }
        break;
      }
      default:
    }
  }
  return { references, isCut: references.length >= referencesMax };
}

/** Tokens that may stand between rules. */
function isEdge(type: TokenType): boolean {
  return type === TokenType.CDC || type === TokenType.CDO || type === TokenType.Semicolon;
}
