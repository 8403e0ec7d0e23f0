import { MemoryCatalog } from "./catalog-memory.ts";
import { describeCatalog } from "./catalog.conformance.ts";

describeCatalog("MemoryCatalog", async () => ({ catalog: new MemoryCatalog(), dispose: async () => {} }));
