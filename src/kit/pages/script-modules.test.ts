import { expect, test } from "bun:test";

import { ScriptModules } from "./script-modules.ts";

test("ScriptModules: imports name the file as it is served, and a change below changes all above", () => {
  const linked = (below: string) => {
    const modules = new ScriptModules();
    const units = modules.add("./units.browser.js", "x-units.js", below);
    const page = modules.add("./page.browser.js", "x-page.js", 'import { a } from "./units.browser.js";\n');
    expect(modules.all).toEqual([units, page]);
    expect(page.text).toBe(`import { a } from "./${units.hash}.x-units.js";\n`);
    return page.hash;
  };
  expect(linked("export const a = 1;")).not.toBe(linked("export const a = 2;"));
});

test("ScriptModules: what is imported has to be there", () => {
  const modules = new ScriptModules();
  expect(() => modules.add("./page.browser.js", "x-page.js", 'import { a } from "./units.browser.js";')).toThrow(
    new RangeError("Cannot link ./page.browser.js: ./units.browser.js has to be added before it"),
  );
});
