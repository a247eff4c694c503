// Fills the catalogue and the stock: `DATABASE_URL=… node database/seed.ts`. What is there already stays.
import { fileURLToPath } from "node:url";
import { Client } from "pg";

interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly priceCents: number;
  readonly stock: number;
}

const PLENTY = 100_000;

export const products: readonly Product[] = [
  { id: "beans", name: "Coffee beans", description: "1 kg, dark roast", priceCents: 1_890, stock: PLENTY },
  { id: "filters", name: "Paper filters", description: "100 pieces", priceCents: 390, stock: PLENTY },
  { id: "grinder", name: "Grinder", description: "Conical steel burrs", priceCents: 8_900, stock: PLENTY },
  { id: "kettle", name: "Kettle", description: "Gooseneck, 0.9 l", priceCents: 5_450, stock: PLENTY },
  { id: "machine", name: "Espresso machine", description: "Two boilers", priceCents: 64_900, stock: PLENTY },
  { id: "mug", name: "Numbered mug", description: "The last ones of the series", priceCents: 2_400, stock: 3 },
];

export async function seed(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN");
    for (const { id, name, description, priceCents, stock } of products) {
      await client.query("INSERT INTO products VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", [
        id,
        name,
        description,
        priceCents,
      ]);
      await client.query("INSERT INTO stock VALUES ($1, $2) ON CONFLICT DO NOTHING", [id, stock]);
    }
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL === undefined) throw new Error("DATABASE_URL is not set");
  await seed(DATABASE_URL);
}
