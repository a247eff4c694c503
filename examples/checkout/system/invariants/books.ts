import type { Evidence } from "../evidence.ts";
import type { Mail } from "../mail.ts";
import { compare, type Finding } from "./finding.ts";

/** What must hold of the database, the mails and the processes. */
export function booksInvariants({ receipts, books, mails, ends }: Evidence): readonly Finding[] {
  const outcomes = receipts.flatMap(({ checkout }) => checkout?.outcome ?? []);
  const told = outcomes.flatMap((outcome) => ("orderId" in outcome ? outcome : []));
  const booked = new Map(books.orders.map((order) => [order.orderId, order]));

  return [
    {
      statement: "each order that a shopper was told of is booked once, and no other is",
      checked: `${told.length} orders`,
      problems: [
        ...told
          .filter(({ orderId, totalCents }) => booked.get(orderId)?.totalCents !== totalCents)
          .map(({ orderId }) => `order ${orderId} is not in the database with the total that the shopper was told`),
        ...compare("orders in the database", booked.size, "shoppers who were told of one", told.length),
        ...compare("shoppers with an order", told.length, "different orders", new Set(told.map(idOf)).size),
      ],
    },
    {
      statement: "each order has one row in the queue, which is done",
      checked: `${books.orders.length} orders`,
      problems: books.orders
        .filter(({ outboxRows, sentRows }) => outboxRows !== 1 || sentRows !== 1)
        .map(
          ({ orderId, outboxRows, sentRows }) => `order ${orderId} has ${outboxRows} rows, ${sentRows} of them done`,
        ),
    },
    mailsFinding(mails, [...booked.keys()]),
    {
      statement: "no stock is negative, and what is gone from it is sold",
      checked: `${books.stock.length} products`,
      problems: books.stock
        .filter(({ before, sold, after }) => after < 0 || before - sold !== after)
        .map(({ productId, before, sold, after }) => `${productId}: ${before} before, ${sold} sold, ${after} left`),
    },
    {
      statement: "each reservation is sold or released",
      checked: "all reservations",
      problems: compare("reservations that are still held", books.heldReservations, "allowed", 0),
    },
    {
      statement: "every process started, and ended in order",
      checked: "all processes",
      problems: ends,
    },
  ];
}

function mailsFinding(mails: readonly Mail[] | undefined, orderIds: readonly string[]): Finding {
  const statement = "each order has one mail";
  if (mails === undefined) return { statement, checked: "not checked: SMTP_URL names another server", problems: [] };
  const counts = new Map(orderIds.map((orderId) => [orderId, 0]));
  for (const { subject } of mails) {
    const orderId = subject.split(" ").at(-1) ?? "";
    counts.set(orderId, (counts.get(orderId) ?? 0) + 1);
  }
  return {
    statement,
    checked: `${mails.length} mails`,
    problems: [...counts].filter(([, count]) => count !== 1).map(([id, count]) => `order ${id} has ${count} mails`),
  };
}

function idOf({ orderId }: { readonly orderId: string }): string {
  return orderId;
}
