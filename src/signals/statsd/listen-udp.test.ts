import { expect, test } from "bun:test";

import { dropsIn } from "./listen-udp.ts";

test("dropsIn: the last column of the sockets at a port, summed", () => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 41
  101: 00000000:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1235 2 0000000000000000 1
  102: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1236 2 0000000000000000 7
`;
  expect(dropsIn(table, 8125)).toBe(42);
  expect(dropsIn(table, 53)).toBe(7);
  expect(dropsIn(table, 1)).toBeUndefined();
  expect(dropsIn("", 8125)).toBeUndefined();
});
