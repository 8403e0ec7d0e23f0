/**
 * HTML as the server writes it: JSX that escapes every text and attribute by itself. Pages are pure functions that return
 * {@link Html}; {@link renderHtml} turns it into text at the last moment. Components never wait: whoever handles the
 * request gathers the view first.
 */
import type { Child } from "hono/jsx";

/** What a component returns and what may stand between two tags: text (escaped), numbers, elements, lists, nothing. */
export type Html = Child;

/** The text of `html`, escaped. Throws TypeError when a component in it is asynchronous. */
export function renderHtml(html: Html): string {
  if (html === null || html === undefined || typeof html === "boolean") return "";
  if (Array.isArray(html)) return html.map((part) => renderHtml(part)).join("");
  if (typeof html === "string" && !("isEscaped" in Object(html))) return Bun.escapeHTML(html);
  const text = html.toString();
  if (typeof text !== "string") throw new TypeError("Cannot render a page: one of its components is asynchronous");
  return text;
}

/** The address as a link may carry it: a path of this node or a whole http(s) URL; undefined for anything else, such as `javascript:`. */
export function linkTo(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  if (/^\/(?![/\\])/.test(address)) return address;
  return /^https?:\/\/[^/]/i.test(address) && URL.canParse(address) ? address : undefined;
}

/**
 * The query of one page of a list, with its question mark: what is searched for, and the page, counted from 0.
 * Empty for the first page of all.
 */
export function listQuery(search: string, page: number): string {
  const words = new URLSearchParams();
  if (search !== "") words.set("search", search);
  if (page > 0) words.set("page", String(page));
  return words.size === 0 ? "" : `?${words}`;
}
