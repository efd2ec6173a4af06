"""What a program needs to reach a service: configurations for it, and connections from Python.

* **finder**: a person's services, and the facts of the way to one.
* **connector**: facts for one service in this process, with a certificate that lives and a
  tunnel that is open: one that runs already, or one of the process's own.
* **own tunnel**: a `pgward connect` that ends with the process for which it was opened.
"""
