/**
 * Names and tags made safe for Graphite: nothing that comes out of here can break a line of its protocol or be mistaken
 * for another part of a path. Etsy's way is kept to the letter in {@link cleanName} and {@link etsyTag}; {@link fullTag}
 * also refuses what Graphite's own rules for tags refuse.
 */

const unclean = /[^a-zA-Z_\-0-9.;=]/;

/** Runs of white space become `_`, slashes `-`; everything but `a-z A-Z 0-9 _ - . ; =` is left out. */
export function cleanName(name: string): string {
  if (!unclean.test(name)) return name;
  return name
    .replace(/\s+/g, "_")
    .replace(/\//g, "-")
    .replace(/[^a-zA-Z_\-0-9.;=]/g, "");
}

/** A tag `name:value` as Etsy turns it: its first `;` into `_`, its first `:` into `=`. */
export function etsyTag(tag: string): string {
  return tag.replace(";", "_").replace(":", "=");
}

/**
 * A tag as `name=value` for Graphite, or the empty string when nothing of it is left. A bare tag is `true`. Between them
 * stands a colon or an equals sign, whichever is first.
 */
export function fullTag(tag: string): string {
  const at = tag.search(/[:=]/);
  const rawName = at < 0 ? tag : tag.slice(0, at);
  const rawValue = at < 0 ? "true" : tag.slice(at + 1);
  const name = cleanPart(rawName).replace(/^~+/, "").replaceAll("=", "_");
  if (name === "") return "";
  const value = cleanPart(rawValue).replaceAll("=", "_").replace(/^~+/, "");
  return `${name}=${value === "" ? "true" : value}`;
}

function cleanPart(text: string): string {
  return cleanName(text.replaceAll(";", "_").replaceAll(":", "_"));
}

/** The path of a name with tags: sorted by name, so that one series has one path; of two alike the last counts. */
export function withTags(name: string, tags: readonly string[]): string {
  if (tags.length === 0) return name;
  const byName = new Map<string, string>();
  for (const tag of tags) {
    if (tag === "") continue;
    byName.set(tag.slice(0, tag.indexOf("=")), tag);
  }
  const sorted = [...byName.keys()].sort();
  return sorted.length === 0 ? name : `${name};${sorted.map((key) => byName.get(key)).join(";")}`;
}
