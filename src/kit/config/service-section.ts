/**
 * What can be set for every service without its doing: whether it runs, and an address of its own. The node reads these
 * two; a service that declares one of the names itself keeps its own (with its predecessor's names, for instance).
 */
import type { ServiceEntry } from "../service.ts";
import type { Address } from "./address.ts";
import type { Section } from "./declaration.ts";
import { address, flag } from "./fields.ts";
import { nodeSection } from "./node.ts";

/** The options that each service section has beside its own. */
export interface ServiceSettings {
  /** Whether `warren up` runs the service. */
  readonly enabled: boolean;
  /** An address of its own; undefined serves it on the node's, under `/<service>/`. */
  readonly listen: Address | undefined;
}

/** The section as the configuration knows it: `enabled` and `listen` first, then the service's own options. */
export function serviceSection<Options extends object>(
  declared: Section<Options>,
  byDefault: boolean,
): Section<Options & ServiceSettings> {
  return {
    ...declared,
    fields: {
      enabled: flag({
        summary: `Whether \`warren up\` runs this service.`,
        default: byDefault,
      }),
      listen: address({
        summary: `An address of its own, where its routes begin at the root.`,
        unset: `on the node's address under /${declared.name}/`,
      }),
      ...declared.fields,
    },
  };
}

/** The node's section and then that of each service, in the table's order. Loads the services' code. */
export async function loadSections(entries: readonly ServiceEntry[]): Promise<Section<object>[]> {
  const services = await Promise.all(
    entries.map(async (entry) => serviceSection((await entry.load()).config, entry.byDefault)),
  );
  return [nodeSection, ...services];
}
