import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSqliteCatalog } from "./catalog-sqlite.ts";
import { describeCatalog, fileNumbered, keyNumbered } from "./catalog.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "hakmes-catalog-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let files = 0;
const nextPath = () => join(folder, `${++files}.sqlite`);

describeCatalog("SqliteCatalog", async () => {
  const path = nextPath();
  let catalog = openSqliteCatalog(path);
  return {
    catalog,
    reopen: async () => {
      catalog.close();
      catalog = openSqliteCatalog(path);
      return catalog;
    },
    dispose: async () => catalog.close(),
  };
});

describe("SqliteCatalog", () => {
  test("add: is in the file when it returns", () => {
    const path = nextPath();
    const catalog = openSqliteCatalog(path);
    catalog.add(fileNumbered(1), new Uint8Array(1));
    const other = openSqliteCatalog(path);
    expect(other.find(keyNumbered(1))).toEqual(fileNumbered(1));
    other.close();
    catalog.close();
  });

  test("id: two catalogs have two", () => {
    const [one, two] = [openSqliteCatalog(nextPath()), openSqliteCatalog(nextPath())];
    expect(one.id).toMatch(/^[0-9a-f]{32}$/);
    expect(two.id).not.toBe(one.id);
    one.close();
    two.close();
  });
});
