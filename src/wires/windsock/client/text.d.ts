/** Declarations that are served, and not used here, are read as text. */
declare module "*.txt" {
  const text: string;
  export default text;
}
