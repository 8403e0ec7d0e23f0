/** For tests: a broker as it is set where nothing is said, and with no socket open. */
import type { BrokerSettings } from "./broker.ts";

/** What tests begin with; each opens the sockets that it needs. */
export const plainBroker: BrokerSettings = {
  repSocket: [],
  pubSocket: [],
  pullSocket: [],
  collectFrom: [],
  maxMessageBytes: 10_000,
  peers: 100,
  peersPerAddress: 0,
  security: "null",
  plainUsers: [],
  curveSecretKey: undefined,
  curveServerKey: undefined,
  curveClients: [],
};
