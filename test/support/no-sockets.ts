import { ChildProcess } from "node:child_process";
import net from "node:net";

// Set-up for each file of `test/{unit,project,report/statistics}`: these tests need neither a network nor a process.

function refuse(): never {
  throw new Error(
    "test/{unit,project,report/statistics} open no socket and start no process; such a test is another room's",
  );
}

net.Server.prototype.listen = refuse;
net.Socket.prototype.connect = refuse;
Reflect.set(ChildProcess.prototype, "spawn", refuse);
