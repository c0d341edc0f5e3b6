"""A shop with two routes, as the end of a route file whose beginning is the test's own matter."""

SHOP_ROUTES = """routes:
  - name: hours
    utterances: [when are you open, opening hours, are you open today, what time do you close, business hours please]
    action: {type: respond, response: utter_hours}
  - name: refund
    utterances: [i want my money back, refund please, give me a refund, i want to return my order, return this parcel]
    action: {type: respond, response: utter_refund}
out_of_scope: {utterances: [tell me a joke, what is the capital of france, write a poem]}
responses: {utter_hours: From 9 to 17., utter_refund: Send it back.}
"""
