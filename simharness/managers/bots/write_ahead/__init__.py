"""The policy that ships: intents are committed before they are carried out, outcomes are merged whenever they arrive.

`turns` lets one writer at a time have a bot, `driver` takes its steps at the exchange, `merge` applies what the
exchange says, `mail` keeps what it says about a bot that somebody is at work with. The commands (`service`), the order
events (`events`) and the restart (`reconcile`) are three callers of these.
"""
