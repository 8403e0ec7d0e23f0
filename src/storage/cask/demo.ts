/** Shows a cluster heal. */
export async function demo(): Promise<number> {
  return 1;
}
