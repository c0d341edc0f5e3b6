"""Two routes of a small help desk, as lines of a route file, for tests that ask a real encoder."""

HEAD = """version: 1
name: desk
encoder: {model: all-MiniLM-L6-v2, dtype: int8}
routes:
"""
HOURS = """  - name: hours
    description: Opening hours
    utterances: [when are you open, what are your opening hours, are you open on sunday, when do you close, "until what time are you there", opening times please]
    action: {type: respond, response: utter_hours}
"""
REFUND = """  - name: refund
    description: Refunds
    utterances: [where is my refund, refund not arrived, "I want my money back", when do I get my money back, status of my refund, "my refund is late"]
    action: {type: respond, response: utter_refund}
"""
RESPONSES = """responses:
  utter_hours: {text: "We are open 9 to 17."}
  utter_refund: {text: "Refunds take five days."}
"""
