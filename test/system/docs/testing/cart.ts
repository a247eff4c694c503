import { experiments } from "./experiments.ts";

export async function renderCart(): Promise<string> {
  return experiments.use("checkout") === "one_click" ? "Buy now" : "Go to checkout";
}
