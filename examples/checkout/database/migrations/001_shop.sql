CREATE TABLE products (
  id text PRIMARY KEY,
  name text NOT NULL,
  description text NOT NULL,
  price_cents integer NOT NULL CHECK (price_cents > 0)
);

CREATE TABLE stock (
  product_id text PRIMARY KEY REFERENCES products,
  -- What can still be reserved. A reservation takes from it, a release gives back.
  available integer NOT NULL CHECK (available >= 0)
);

CREATE TABLE carts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cart_items (
  cart_id uuid NOT NULL REFERENCES carts ON DELETE CASCADE,
  product_id text NOT NULL REFERENCES products,
  quantity integer NOT NULL CHECK (quantity > 0),
  -- The price that the shopper saw.
  price_cents integer NOT NULL,
  PRIMARY KEY (cart_id, product_id)
);

-- One row for each checkout. It is held, and then becomes either sold or released, never both: this row decides
-- whether an order may exist.
CREATE TABLE reservations (
  checkout_id uuid PRIMARY KEY,
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'released', 'sold')),
  expires_at timestamptz NOT NULL
);

CREATE INDEX reservations_held ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE reserved_items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  checkout_id uuid NOT NULL REFERENCES reservations,
  product_id text NOT NULL REFERENCES stock,
  quantity integer NOT NULL CHECK (quantity > 0),
  UNIQUE (checkout_id, product_id)
);

CREATE TABLE orders (
  -- The checkout's idempotency key, so there is one order for each.
  id uuid PRIMARY KEY REFERENCES reservations,
  cart_id uuid NOT NULL,
  email text NOT NULL,
  address jsonb NOT NULL,
  tax_cents integer NOT NULL,
  total_cents integer NOT NULL,
  charge_id text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_items (
  order_id uuid NOT NULL REFERENCES orders,
  product_id text NOT NULL REFERENCES products,
  quantity integer NOT NULL CHECK (quantity > 0),
  price_cents integer NOT NULL,
  PRIMARY KEY (order_id, product_id)
);

-- The queue. A row is written in the order's transaction, so there is no order without its message.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id uuid NOT NULL UNIQUE REFERENCES orders,
  -- Trace context and baggage of the request that placed the order.
  headers jsonb NOT NULL,
  message jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz
);

CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL;
