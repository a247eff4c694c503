export async function describe(_args: readonly string[]): Promise<string> {
  return "";
}
