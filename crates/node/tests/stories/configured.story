# Told otherwise while it is here: other checks, a longer lifetime and another priority let nothing go; another number is another router.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why=started
until 370ms
  at 360.9375ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > put interface=eth0 address=10.0.0.100/24 valid=2000ms
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > tickle address=vip
         > changed address=vip from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
at 400ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=4000ms checks=[{name=proxy rule=veto rise=1 fall=1}] proof=proxy proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] priority=150 interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}}
       > put interface=eth0 address=10.0.0.100/24 valid=4000ms
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=150 interval=100ms addresses=[10.0.0.100]}}
at 450ms checked address=vip check=proxy
# In another network, and another address beside it.
at 460ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/16 10.0.0.101/24] lifetime=4000ms proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.101] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}}
       > will address=vip remove=[[eth0 10.0.0.100/16]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}]
       > put interface=eth0 address=10.0.0.100/16 valid=4000ms
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[[eth0 10.0.0.100/16] [eth0 10.0.0.101/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}]
       > put interface=eth0 address=10.0.0.101/24 valid=4000ms
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=150 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}
# Together with a new one: the new routers go on where the old one was.
at 470ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/16 10.0.0.101/24] lifetime=4000ms proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.101] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}} new={interface=eth1 held=[10.1.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}} groups={both=[vip new]}}
       > will address=new remove=[[eth1 10.1.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.1.0.100]}}]
       > put interface=eth1 address=10.1.0.100/24
       > router address=new action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.1.0.100]}}
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}
       > put interface=eth0 address=10.0.0.100/16 valid=4000ms
       > put interface=eth0 address=10.0.0.101/24 valid=4000ms
       > tickle address=new
       > tickle address=vip
       > changed address=new from=initialize to=active priority=100 why="nobody was heard to hold the addresses for 0ns"
       > group-changed group=both from=initialize to=active
until 500ms
# Another number.
at 520ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=4000ms proof-age=500ms way=vrrp{version=v3 vrid=9 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}}
       > cut ips=[10.1.0.100]
       > remove interface=eth1 address=10.1.0.100/24
       > router address=new action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.1.0.100]}}
       > cut ips=[10.0.0.100 10.0.0.101]
       > remove interface=eth0 address=10.0.0.100/16
       > remove interface=eth0 address=10.0.0.101/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100 10.0.0.101]}}
       > will address=new remove=[] say=[]
       > changed address=new from=active to=initialize priority=100 why="it is not configured any more"
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why="it is configured otherwise, and begins anew"
       > group-changed group=both from=active to=initialize
       > changed address=vip from=initialize to=backup priority=100 why=started
until 900ms
  at 880.9375ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=9 priority=0 interval=100ms addresses=[10.0.0.100]}}]
         > put interface=eth0 address=10.0.0.100/24 valid=4000ms
         > router address=vip action=send{to=224.0.0.18 advert={vrid=9 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > tickle address=vip
         > changed address=vip from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
# By another way.
at 950ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=command{}}}}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=9 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why="it is configured otherwise, and begins anew"
       > run address=vip nr=1 job=up
       > changed address=vip from=initialize to=backup priority=100 why="its command to fetch it is running"
at 960ms ran address=vip nr=1 end=done
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="nothing forbids it to be here"
at 970ms configured config={addresses={vip={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > run address=vip nr=2 job=down
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why="it is configured otherwise, and begins anew"
at 980ms ran address=vip nr=2 end=done
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24
       > tickle address=vip
       > changed address=vip from=initialize to=active priority=100 why="nothing forbids it to be here"
at 990ms configured config={addresses={}}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=initialize priority=100 why="it is not configured any more"
at 1000ms shutdown
       > ended
